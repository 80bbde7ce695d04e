"""Settings are read from environment variables; an error names the setting."""

import re
from pathlib import Path

import pytest

from nextitem.errors import SettingsError
from nextitem.redis_client.url import Address, StoreUrl
from nextitem.sessions.key_secret import KeySecret
from nextitem.settings import MAX_MILLISECONDS, MAX_ROUTE_CHARS, Settings

REQUIRED = {
    "NEXTITEM_BUCKET": "registry",
    "NEXTITEM_STORE_URL": "redis://store:6379/0",
    "NEXTITEM_KEY_SECRET": "0123456789abcdef",
}


def test_the_required_settings_are_enough() -> None:
    settings = Settings.read(REQUIRED)
    assert settings == Settings(
        bucket="registry",
        store_url=StoreUrl("single", (Address("store", 6379),)),
        key_secret=KeySecret(b"0123456789abcdef"),
        key_secret_id=None,
        route="live",
        route_ttl=30,
        store_timeout=0.05,
        store_connect_timeout=0.1,
        session_ttl=86_400,
        deadline=0.12,
        exclude_seen=False,
        explore=0.05,
        trending=True,
        trending_half_life=21_600,
        trending_field=None,
        lake_buckets=0,
        placements=frozenset(),
        stack="nextitem",
        model_dir=Path("/tmp/nextitem"),  # noqa: S108 - the documented default
        region="us-east-1",
        s3_endpoint=None,
        secrets_endpoint=None,
    )


def test_all_settings_can_be_set() -> None:
    settings = Settings.read(
        {
            "NEXTITEM_BUCKET": "bucket",
            "NEXTITEM_STORE_URL": "rediss://user:password@store:6380/1",
            "NEXTITEM_KEY_SECRET": "ein längerer Schlüssel",
            "NEXTITEM_ROUTE": "trial",
            "NEXTITEM_ROUTE_TTL_SECONDS": "0.5",
            "NEXTITEM_STORE_TIMEOUT_MS": "30",
            "NEXTITEM_STORE_CONNECT_TIMEOUT_MS": "80",
            "NEXTITEM_SESSION_TTL_SECONDS": "60",
            "NEXTITEM_DEADLINE_MS": "1000",
            "NEXTITEM_EXCLUDE_SEEN": "true",
            "NEXTITEM_EXPLORE": "0.25",
            "NEXTITEM_TRENDING": "false",
            "NEXTITEM_TRENDING_HALF_LIFE_SECONDS": "3600",
            "NEXTITEM_TRENDING_FIELD": "category",
            "NEXTITEM_LAKE_BUCKETS": "256",
            "NEXTITEM_PLACEMENTS": "home,product-page",
            "NEXTITEM_STACK": "shop-1",
            "NEXTITEM_MODEL_DIR": "models",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL_S3": "http://localhost:5000",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://localhost:5001",
        }
    )
    assert settings == Settings(
        bucket="bucket",
        store_url=StoreUrl("single", (Address("store", 6380),), tls=True, username="user", password="password", db=1),  # noqa: S106 - not a real password
        key_secret=KeySecret("ein längerer Schlüssel".encode()),
        key_secret_id=None,
        route="trial",
        route_ttl=0.5,
        store_timeout=0.03,
        store_connect_timeout=0.08,
        session_ttl=60,
        deadline=1.0,
        exclude_seen=True,
        explore=0.25,
        trending=False,
        trending_half_life=3600,
        trending_field="category",
        lake_buckets=256,
        placements=frozenset({"home", "product-page"}),
        stack="shop-1",
        model_dir=Path("models"),
        region="eu-central-1",
        s3_endpoint="http://localhost:5000",
        secrets_endpoint="http://localhost:5001",
    )


ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/key-AbCdEf"

OPTIONAL = (
    "NEXTITEM_ROUTE",
    "NEXTITEM_ROUTE_TTL_SECONDS",
    "NEXTITEM_STORE_TIMEOUT_MS",
    "NEXTITEM_STORE_CONNECT_TIMEOUT_MS",
    "NEXTITEM_SESSION_TTL_SECONDS",
    "NEXTITEM_DEADLINE_MS",
    "NEXTITEM_EXCLUDE_SEEN",
    "NEXTITEM_EXPLORE",
    "NEXTITEM_PLACEMENTS",
    "NEXTITEM_STACK",
    "NEXTITEM_MODEL_DIR",
    "AWS_REGION",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "NEXTITEM_KEY_SECRET_ID",
)


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_empty_variable_is_not_set(name: str) -> None:
    assert Settings.read({**REQUIRED, name: ""}) == Settings.read(REQUIRED)


@pytest.mark.parametrize(("text", "meant"), [("true", True), ("false", False)])
def test_a_switch_is_true_or_false(text: str, meant: bool) -> None:
    assert Settings.read({**REQUIRED, "NEXTITEM_EXCLUDE_SEEN": text}).exclude_seen is meant


@pytest.mark.parametrize(("text", "meant"), [("0", 0.0), ("1", 1.0), ("1.0", 1.0), ("0.125", 0.125)])
def test_a_share_is_a_number_from_0_to_1(text: str, meant: float) -> None:
    assert Settings.read({**REQUIRED, "NEXTITEM_EXPLORE": text}).explore == meant


@pytest.mark.parametrize("text", ["1.1", "-0.1", "2", "5%", ".5", "nan", "01"])
def test_any_other_share_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^NEXTITEM_EXPLORE must be a number from 0 to 1$"):
        Settings.read({**REQUIRED, "NEXTITEM_EXPLORE": text})


@pytest.mark.parametrize("text", ["True", "1", "yes", "true ", "truefalse"])
def test_any_other_switch_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^NEXTITEM_EXCLUDE_SEEN must be true or false$"):
        Settings.read({**REQUIRED, "NEXTITEM_EXCLUDE_SEEN": text})


@pytest.mark.parametrize(
    "text", ["home,", ",home", "home, cart", "home;cart", "_", "x" * 33, ",".join("abcdefghijklmnopqrstu")]
)
def test_placements_are_a_bounded_list_of_labels(text: str) -> None:
    assert len(Settings.read({**REQUIRED, "NEXTITEM_PLACEMENTS": ",".join("abcdefghijklmnopqrst")}).placements) == 20
    with pytest.raises(SettingsError, match=r"^NEXTITEM_PLACEMENTS must be at most 20 labels"):
        Settings.read({**REQUIRED, "NEXTITEM_PLACEMENTS": text})


@pytest.mark.parametrize("text", ["1shop", "shop_1", "a shop", "-", "s" * 129])
def test_another_name_than_a_stacks_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^NEXTITEM_STACK must be the name of a stack"):
        Settings.read({**REQUIRED, "NEXTITEM_STACK": text})


@pytest.mark.parametrize("name", ["NEXTITEM_BUCKET", "NEXTITEM_STORE_URL"])
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "empty"])
def test_a_missing_setting_is_named(name: str, missing: bool) -> None:
    environment = {key: value for key, value in REQUIRED.items() if key != name or not missing}
    if not missing:
        environment[name] = ""
    with pytest.raises(SettingsError, match=f"^{name} is not set; it is required$"):
        Settings.read(environment)


def test_the_key_secret_can_be_in_secrets_manager() -> None:
    elsewhere = {name: value for name, value in REQUIRED.items() if name != "NEXTITEM_KEY_SECRET"}
    settings = Settings.read({**elsewhere, "NEXTITEM_KEY_SECRET_ID": ARN})
    assert (settings.key_secret, settings.key_secret_id) == (None, ARN)

    # Exactly one of the two settings is required.
    for environment in (elsewhere, {**REQUIRED, "NEXTITEM_KEY_SECRET_ID": ARN}):
        with pytest.raises(SettingsError, match=r"^set exactly one of NEXTITEM_KEY_SECRET and NEXTITEM_KEY_SECRET_ID"):
            Settings.read(environment)


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-1",
        "nan",
        "inf",
        "1e8",
        "100000000",
        "1e-300",
        "1_000",
        "\u0665\u0660",
        " 5",
        "+5",
        ".5",
        "soon",
        "1,5",
        "30s",
        ARN,
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        "NEXTITEM_ROUTE_TTL_SECONDS",
        "NEXTITEM_STORE_TIMEOUT_MS",
        "NEXTITEM_STORE_CONNECT_TIMEOUT_MS",
        "NEXTITEM_SESSION_TTL_SECONDS",
        "NEXTITEM_DEADLINE_MS",
    ],
)
def test_a_wrong_time_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be .*'{re.escape(text)}'"):
        Settings.read({**REQUIRED, name: text})


def test_connecting_has_twice_the_time_of_a_call_and_never_less_than_a_call() -> None:
    limits = {
        text: Settings.read({**REQUIRED, "NEXTITEM_STORE_TIMEOUT_MS": text}).store_connect_timeout
        for text in ("30", "600000")
    }
    assert limits == {"30": 0.06, "600000": MAX_MILLISECONDS / 1000}
    with pytest.raises(SettingsError, match=r"^NEXTITEM_STORE_CONNECT_TIMEOUT_MS must be at least 50, not '49'"):
        Settings.read({**REQUIRED, "NEXTITEM_STORE_CONNECT_TIMEOUT_MS": "49"})


def test_a_session_lives_for_a_second_at_least() -> None:
    with pytest.raises(SettingsError, match=r"at least 1, not '0\.9'"):
        Settings.read({**REQUIRED, "NEXTITEM_SESSION_TTL_SECONDS": "0.9"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NEXTITEM_KEY_SECRET", "fifteen letters"),
        ("NEXTITEM_KEY_SECRET", ARN),
        ("NEXTITEM_KEY_SECRET", "{{resolve:secretsmanager:shop/key}}"),
        ("NEXTITEM_KEY_SECRET", '{"current": "0123456789abcdef"}'),
        ("NEXTITEM_KEY_SECRET_ID", "arn:aws:kms:eu-central-1:123456789012:key/1"),
        ("NEXTITEM_KEY_SECRET_ID", "https://secrets.example.com/key"),
        ("NEXTITEM_KEY_SECRET_ID", "the secret itself!"),
        ("NEXTITEM_BUCKET", "arn:aws:s3:::registry"),
        ("NEXTITEM_BUCKET", "s3://registry"),
        ("NEXTITEM_BUCKET", "registry/models"),
        ("NEXTITEM_ROUTE", "routes/live"),
        ("NEXTITEM_ROUTE", "live.json/"),
        ("AWS_REGION", "Frankfurt"),
        ("AWS_REGION", "eu-central-1a"),
        ("NEXTITEM_KEY_SECRET", " " * 16),
        ("NEXTITEM_KEY_SECRET", "\u2003\t" * 8),
        ("NEXTITEM_KEY_SECRET_ID", "arn:aws:secretsmanager:eu-central-1:\u066123456789012:secret:shop"),
        ("NEXTITEM_BUCKET", "shop..models"),
        ("NEXTITEM_BUCKET", "shop\udcff"),
        ("NEXTITEM_ROUTE", "live\udcff"),
        ("NEXTITEM_ROUTE", "r" * (MAX_ROUTE_CHARS + 1)),
        ("AWS_REGION", "eu-central-\u0661"),
        ("AWS_REGION", "eu-central-1\udcff"),
        ("NEXTITEM_STORE_URL", "redis://store\udcff"),
        ("AWS_ENDPOINT_URL_S3", "localhost:5000"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "redis://localhost:5000"),
        ("NEXTITEM_STORE_URL", ARN),
        ("NEXTITEM_STORE_URL", "store:6379"),
        ("NEXTITEM_STORE_URL", "http://store"),
    ],
)
def test_a_wrong_value_is_named_and_a_secret_is_not_shown(name: str, text: str) -> None:
    environment = {key: value for key, value in REQUIRED.items() if key not in name}
    with pytest.raises(SettingsError, match=f"^{name} (must|is not understood|is refused)") as caught:
        Settings.read({**environment, name: text})
    assert text not in str(caught.value)


def test_the_longest_route_name_is_accepted() -> None:
    assert Settings.read({**REQUIRED, "NEXTITEM_ROUTE": "r" * MAX_ROUTE_CHARS}).route == "r" * MAX_ROUTE_CHARS


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SECRETS_MANAGER"])
@pytest.mark.parametrize("url", ["http://[", "http://h:port", "http://me:hush@h", "http://h/\udcff"])
def test_a_wrong_endpoint_is_named_and_its_password_is_not_shown(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be a URL with http") as caught:
        Settings.read({**REQUIRED, name: url})
    assert "hush" not in str(caught.value)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*REQUIRED, *OPTIONAL):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError):
        Settings.read()
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    assert Settings.read() == Settings.read(REQUIRED)


def test_a_session_lives_for_at_least_a_second() -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        Settings.read({**REQUIRED, "NEXTITEM_SESSION_TTL_SECONDS": "0.9"})
