"""The navigation is what the lists of links say."""

from docsite.navigation import toctrees

INDEX = """# Shop

See [the API](api.md) first.

## How-to

- [`nextitem train`](train.md): see also [data](data.md)
- [Anchors](train.md#data), which are no page
- [Elsewhere](https://example.com/x.md)

## Empty

No list.

## Runbooks

| page | when |
| --- | --- |
| [store-down](runbooks/store-down.md) | the store is down |
"""


def test_each_section_with_entries_is_a_captioned_tree() -> None:
    assert toctrees(INDEX) == [
        "```{toctree}\n:hidden:\n:caption: How-to\n\nnextitem train <train>\n```",
        "```{toctree}\n:hidden:\n:caption: Runbooks\n\nstore-down <runbooks/store-down>\n```",
    ]


def test_a_list_before_the_first_section_has_no_caption() -> None:
    assert toctrees("# Decisions\n\n- [1. Names](0001.md)\n") == ["```{toctree}\n:hidden:\n\n1. Names <0001>\n```"]
