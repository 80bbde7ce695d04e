"""Options of the store's URL: each has the effect that its words say, or the URL is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import SettingsError
from nextitem.redis_client.url import parse_store_url
from tests.nextitem.parts import STEADY

PASSWORD = "hush"  # noqa: S105 - not a real one
IAM = "rediss://app@store?iam=shop"


def refusal(url: str) -> str:
    """Return the text of the error, which must not quote the password."""
    with pytest.raises(SettingsError, match=r"^NEXTITEM_STORE_URL is not understood: ") as caught:
        parse_store_url(url)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"{IAM}&serverless=1", "must be true or false"),
        (f"{IAM}&serverless=yes", "must be true or false"),
        (f"{IAM}&serverless=True", "must be true or false"),
        (f"{IAM}&serverless=", "each with a value"),
        (f"{IAM}&iam=shop", "iam is given more than once"),
        (f"{IAM}&serverless=true&serverless=false", "serverless is given more than once"),
        (f"{IAM}&", "each with a value"),
        ("rediss://app@store?", "each with a value"),
        ("rediss://app@store?iam", "each with a value"),
        ("rediss://app@store?iam=", "each with a value"),
        ("rediss://app@store?ssl_ca_certs=", "each with a value"),
        ("rediss://app@store?serverless=true", "add iam or remove"),
        ("rediss://app@store?serverless=false", "add iam or remove"),
        (f"rediss://app:{PASSWORD}@store?iam=shop", "remove the password or iam"),
        ("redis://store?ssl_ca_certs=/etc/ca.pem", "begin the URL with rediss"),
        (f"redis://app:a?{PASSWORD}=b@store", "unknown option"),
        (f"redis://app:a?{PASSWORD}@store", "password is %3F"),
        (f"redis://app:{PASSWORD}@store\x00", "cannot be printed"),
        (f"redis://app:{PASSWORD}@store\udcff", "not UTF-8"),
        ("redis://store:\u0661", "port must be a number"),
        ("redis://store/\u0661", "database's number"),
        (f"redis://store/{'1' * 5000}", "database's number"),
    ],
)
def test_a_value_that_would_have_another_effect_is_refused(url: str, reason: str) -> None:
    assert reason in refusal(url)


@given(
    options=st.dictionaries(
        st.sampled_from(["iam", "serverless", "ssl_ca_certs"]), st.text("truefalsTRUE10%&=?", max_size=6)
    ),
    tls=st.booleans(),
    user=st.sampled_from(["", "app@", f":{PASSWORD}@", f"app:{PASSWORD}@"]),
)
@STEADY
def test_each_option_of_an_accepted_url_has_its_effect(options: dict[str, str], tls: bool, user: str) -> None:
    query = "&".join(f"{name}={value.replace('%', '%25').replace('&', '%26')}" for name, value in options.items())
    url = f"redis{'s' if tls else ''}://{user}store{'?' if query else ''}{query}"
    try:
        parsed = parse_store_url(url)
    except SettingsError:
        return
    assert (parsed.iam, parsed.ca_file) == (options.get("iam"), options.get("ssl_ca_certs"))
    assert options.get("serverless", "false") == ("true" if parsed.serverless else "false")
    assert parsed.iam is None or (parsed.tls and parsed.username and parsed.password is None)
    assert parsed.ca_file is None or parsed.tls
