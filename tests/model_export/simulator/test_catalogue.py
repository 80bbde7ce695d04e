"""The catalogue's facts fit together."""

from model_export.simulator import CATEGORIES

PREFIXES = [category.prefix for category in CATEGORIES]


def test_every_accessory_and_related_category_exists_and_is_another_one() -> None:
    assert len(set(PREFIXES)) == len(PREFIXES)
    for category in CATEGORIES:
        for others in (category.accessories, category.related):
            assert others
            assert len(set(others)) == len(others)
            assert set(others) <= set(PREFIXES) - {category.prefix}


def test_brands_and_models_rise_in_price() -> None:
    # The catalogue lists brands and models from cheap to expensive.
    for category in CATEGORIES:
        percents = [brand.price_percent for brand in category.brands]
        prices = [price for _, price in category.models]
        assert percents == sorted(percents)
        assert prices == sorted(prices)
