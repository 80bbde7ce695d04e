"""Each preset reads a small file of its layout, which is written by hand."""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_export.data.ingestion.reader import read_sessions
from model_export.data.presets import PRESETS, command_of
from tests.model_export.handmade import events_of

DOCS = Path(__file__).parents[3] / "docs" / "importing.md"


@dataclass(frozen=True)
class Sample:
    """A file's text, and the items of its sessions by their ids."""

    text: str
    sessions: dict[str, list[str]]


def _lines(*rows: str) -> str:
    return "".join(row + "\n" for row in rows)


def _json_lines(*rows: object) -> str:
    return _lines(*(json.dumps(row) for row in rows))


def _ga4(event: str, session: int | None, micros: int, *items: str) -> dict[str, object]:
    page = {"key": "page_location", "value": {"string_value": "https://shop.test/", "int_value": None}}
    number = {"key": "ga_session_id", "value": {"string_value": None, "int_value": session}}
    return {
        "event_timestamp": micros,
        "event_name": event,
        "user_pseudo_id": "1.2",
        "event_params": [page, number],
        "items": [{"item_id": item, "item_name": f"the {item}"} for item in items],
    }


GA4 = (
    _ga4("session_start", 7, 1_700_000_000_000_000),
    _ga4("view_item", 7, 1_700_000_001_000_000, "a"),
    _ga4("add_to_cart", 7, 1_700_000_002_000_000, "a"),
    _ga4("view_item", 7, 1_700_000_003_000_000, "b"),
    _ga4("view_item", 8, 1_700_009_000_000_000, "c"),
    _ga4("view_item", None, 1_700_009_100_000_000, "d"),
)
LAKE = (
    {"session": "00ff", "item_id": "b", "type": "cart", "occurred_at": 1_700_000_002_000, "rank": 1},
    {"session": "00ff", "item_id": "a", "type": "view", "occurred_at": 1_700_000_001_000, "rank": None},
    {"session": "01ff", "item_id": "c", "type": "view", "occurred_at": 1_700_000_003_000, "rank": None},
)
RATINGS = {"7": ["10", "20"], "8": ["30"]}
BY_USER = {f"{user}-1": items for user, items in RATINGS.items()}
SNOWPLOW = "com_snowplowanalytics_snowplow_ecommerce"


def _snowplow(action: str, time: str, item: str) -> dict[str, object]:
    return {
        "domain_sessionid": "s",
        "derived_tstamp": f"2024-05-01T10:00:{time}.125Z",
        f"unstruct_event_{SNOWPLOW}_snowplow_ecommerce_action_1": {"type": action},
        f"contexts_{SNOWPLOW}_product_1": [{"id": item, "name": "a name", "price": 9.5}],
    }


def _visit(number: int, *actions: tuple[int, str]) -> dict[str, object]:
    details: list[dict[str, object]] = [{"type": "action", "timestamp": 1700000000, "url": "https://shop.test/"}]
    details += [{"type": "action", "timestamp": at, "productViewSku": sku} for at, sku in actions]
    return {"idVisit": number, "visitorId": "abc", "actionDetails": details}


SAMPLES = {
    "amazon-m2": Sample(
        _lines("prev_items,next_item,locale", "\"['b' 'a']\",c,UK", "\"['c']\",a,DE", "\"['d'\n 'e']\",f,JP"),
        {"1": ["b", "a", "c"], "2": ["c", "a"], "3": ["d", "e", "f"]},
    ),
    "diginetica": Sample(
        _lines(
            "sessionId;userId;itemId;timeframe;eventdate",
            "1;NA;20;5000;2016-05-09",
            "1;NA;10;90000;2016-05-09",
            "1;NA;30;200;2016-05-09",
            "2;5;10;0;2016-05-10",
        ),
        {"1": ["30", "20", "10"], "2": ["10"]},
    ),
    "ga4": Sample(_json_lines(*GA4), {"1.2|7": ["a", "a:cart", "b"], "1.2|8": ["c"]}),
    "gru4rec": Sample(
        _lines("SessionId\tItemId\tTime", "1\t10\t1396861349.277", "1\t20\t1396861437.868", "2\t10\t1396871797.614"),
        {"1": ["10", "20"], "2": ["10"]},
    ),
    "hm": Sample(
        _lines(
            "t_dat,customer_id,article_id,price,sales_channel_id",
            "2018-09-20,u,0663713001,0.0508,2",
            "2018-09-21,u,0541518023,0.0304,2",
        ),
        {"u-1": ["0663713001"], "u-2": ["0541518023"]},
    ),
    "lake": Sample(_json_lines(*LAKE), {"00ff": ["a", "b:cart"], "01ff": ["c"]}),
    "lastfm-1k": Sample(
        _lines(
            'u1\t2009-05-04T23:08:57Z\tm1\tDeep "Dish\t\tTitle "x"',
            'u1\t2009-05-04T23:02:10Z\t\t"Heroes\tt2\tTitle, y',
            "u1\t2009-05-06T13:54:10Z\tm3\tThird\tt3\tTitle z",
        ),
        {"u1-1": ['"Heroes', 'Deep "Dish'], "u1-2": ["Third"]},
    ),
    "matomo": Sample(
        _json_lines(_visit(1, (1700000000, "a"), (1700000010, "b")), _visit(2, (1700009000, "c")), _visit(3)),
        {"1": ["a", "b"], "2": ["c"]},
    ),
    "movielens": Sample(
        _lines("userId,movieId,rating,timestamp", "7,20,3.5,1147880055", "7,10,5.0,1147880044", "8,30,4,1147868097"),
        BY_USER,
    ),
    "movielens-100k": Sample(_lines("7\t20\t3\t881250955", "7\t10\t5\t881250949", "8\t30\t4\t891717742"), BY_USER),
    "movielens-1m": Sample(_lines("7::20::3::978300770", "7::10::5::978300760", "8::30::4::978302109"), BY_USER),
    "otto": Sample(
        _json_lines(
            {
                "session": 7,
                "events": [
                    {"aid": 10, "ts": 1661724000278, "type": "clicks"},
                    {"aid": 10, "ts": 1661724058352, "type": "carts"},
                    {"aid": 20, "ts": 1661724099554, "type": "clicks"},
                ],
            },
            {"session": 8, "events": [{"aid": 30, "ts": 1661724000378, "type": "clicks"}]},
        ),
        {"7": ["10", "10:cart", "20"], "8": ["30"]},
    ),
    "recbole": Sample(
        _lines(
            "user_id:token\titem_id:token\trating:float\ttimestamp:float",
            "7\t20\t3\t881250955.0",
            "7\t10\t5\t881250949.0",
            "8\t30\t4\t891717742.0",
        ),
        BY_USER,
    ),
    "rees46": Sample(
        _lines(
            "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session",
            "2019-10-01 00:00:10 UTC,view,20,205,,shiseido,35.79,54,7",
            "2019-10-01 00:00:00 UTC,view,10,205,appliances,aqua,33.20,54,7",
            "2019-10-01 00:00:04 UTC,cart,10,205,appliances,aqua,33.20,54,7",
            "2019-10-02 00:00:00 UTC,view,30,205,,,1.00,55,8",
            "2019-10-02 00:00:00 UTC,view,40,205,,,1.00,55,",
        ),
        {"7": ["10", "10:cart", "20"], "8": ["30"]},
    ),
    "retailrocket": Sample(
        _lines(
            "timestamp,visitorid,event,itemid,transactionid",
            "1433221332117,7,view,10,",
            "1433221999827,7,view,20,",
            "1433222000000,7,transaction,20,4000",
            "1433224214164,8,view,30,",
        ),
        {"7-1": ["10", "20", "20:purchase"], "8-1": ["30"]},
    ),
    "segment": Sample(
        _json_lines(
            {"type": "page", "anonymousId": "7", "timestamp": "2024-05-01T10:00:00.000Z", "properties": {"url": "/"}},
            *(
                {
                    "type": "track",
                    "event": event,
                    "anonymousId": "7",
                    "timestamp": f"2024-05-01T10:0{minute}:00.125Z",
                    "properties": {"product_id": item, "price": 9.99},
                }
                for minute, (event, item) in enumerate(
                    [("Product Viewed", "10"), ("Product Added", "10"), ("Product Viewed", "20")]
                )
            ),
        ),
        {"7-1": ["10", "10:cart", "20"]},
    ),
    "session-rec": Sample(
        _lines("SessionId\tTime\tItemId\tDate", "7\t1396861349.5\t10\t2014-04-07", "7\t1396861437.5\t20\t2014-04-07"),
        {"7": ["10", "20"]},
    ),
    "snowplow": Sample(
        _json_lines(_snowplow("product_view", "07", "b"), _snowplow("add_to_cart", "05", "a"))
        + _json_lines(_snowplow("product_view", "02", "a"), {"domain_sessionid": "s", "event_name": "page_ping"}),
        {"s": ["a", "a:cart", "b"]},
    ),
    "taobao": Sample(
        _lines(
            "7,10,4756105,pv,1511544070", "7,20,2520377,pv,1511561733", "7,20,1,buy,1511561800", "8,30,2,pv,1511572885"
        ),
        {"7-1": ["10"], "7-2": ["20", "20:purchase"], "8-1": ["30"]},
    ),
    "tmall": Sample(
        _lines(
            "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type",
            "7,10,833,2882,2661,0829,0",
            "7,10,833,2882,2661,0829,2",
            "7,20,1271,2882,,1111,0",
        ),
        {"7|0829": ["10", "10:purchase"], "7|1111": ["20"]},
    ),
    "trivago": Sample(
        _lines(
            "user_id,session_id,timestamp,step,action_type,reference,platform,city,device,current_filters,impressions,prices",
            'U,S,1541037460,1,search for poi,Newtown,AU,"Sydney, Australia",mobile,,,',
            *(
                f'U,S,15410375{number}0,2,{action},{number},AU,"Sydney, Australia",mobile,,,'
                for number, action in enumerate(PRESETS["trivago"].layout.labels)
            ),
            'U,S,1541038000,3,clickout item,109038,AU,"Sydney, Australia",mobile,,109038|1320460,95|66',
        ),
        {"U|S": ["0:clickout", *"1234", "5:search", "109038:clickout"]},
    ),
    "yoochoose": Sample(
        _lines("7,2014-04-07T10:51:09.277Z,10,0", "7,2014-04-07T10:54:09.868Z,20,S", "8,2014-04-07T13:56:37.614Z,30,0"),
        RATINGS,
    ),
}


def read(path: Path, name: str) -> dict[str, list[str]]:
    sessions = read_sessions(path, PRESETS[name].layout)
    return dict(zip(sessions.ids, events_of(sessions), strict=True))


def test_every_preset_has_a_sample() -> None:
    assert SAMPLES.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", [name for name in SAMPLES if not PRESETS[name].file.endswith((".parquet", "lake"))])
@pytest.mark.slow
def test_a_preset_reads_its_files(tmp_path: Path, name: str) -> None:
    # GIVEN a file of the layout, under its usual name
    path = tmp_path / PRESETS[name].file.removesuffix(".gz")
    path.write_text(SAMPLES[name].text, encoding="utf-8", newline="")
    # WHEN the preset reads it
    # THEN the sessions are those that the file shows
    assert read(path, name) == SAMPLES[name].sessions


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
@pytest.mark.slow
def test_ga4_is_parquet_or_json(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"events.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(list(GA4)), path)
    else:
        path.write_text(SAMPLES["ga4"].text)
    assert read(path, "ga4") == SAMPLES["ga4"].sessions


def test_the_lake_is_a_folder_of_parquet_files(tmp_path: Path) -> None:
    for number, row in enumerate(LAKE):
        folder = tmp_path / "lake" / "date=2023-11-14" / f"hour={number:02d}"
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist([row]), folder / "b0001-1-0.parquet")
    assert read(tmp_path / "lake", "lake") == SAMPLES["lake"].sessions


def test_the_documentation_lists_all_presets() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name, preset in PRESETS.items():
        note = f" {preset.note}" if preset.note else ""
        assert f"| `{name}` | {preset.title} | `{command_of(name)}` |{note} |\n" in text
