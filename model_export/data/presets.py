"""Presets: the layouts of well-known event files, by name. Each is a value of `Layout`; options override it."""

from dataclasses import dataclass

from model_export.data.layout import Layout

_SNOWPLOW = "com_snowplowanalytics_snowplow_ecommerce"


@dataclass(frozen=True)
class Preset:
    """A layout with a name.

    Attributes:
        title: what the files are.
        file: example of a file's name.
        layout: of the files.
        note: what is good to know.
    """

    title: str
    file: str
    layout: Layout
    note: str = ""


PRESETS: dict[str, Preset] = {
    "amazon-m2": Preset(
        "Amazon-M2 (KDD Cup 2023)",
        "sessions_train.csv",
        Layout(session=("#row",), item="prev_items[]+next_item", time="#event"),
        "Each row is a session. The files have no times: the last rows are test.",
    ),
    "diginetica": Preset(
        "Diginetica (CIKM Cup 2016)",
        "train-item-views.csv",
        Layout(
            session=("sessionId",),
            item="itemId",
            time="eventdate",
            time_offset="timeframe",
            delimiter=";",
            quotes=False,
        ),
    ),
    "ga4": Preset(
        "Google Analytics 4, export to BigQuery, as Parquet or JSON Lines",
        "events.parquet",
        Layout(
            session=("user_pseudo_id", "event_params[key=ga_session_id].value.int_value"),
            item="items[].item_id",
            time="event_timestamp",
            type="event_name",
            keep=("view_item=view", "add_to_cart=cart", "purchase"),
            drop_empty=True,
        ),
        "Events without a session, as without consent, are dropped.",
    ),
    "gru4rec": Preset(
        "GRU4Rec",
        "rsc15_train_full.txt",
        Layout(session=("SessionId",), item="ItemId", time="Time", input_format="tsv", quotes=False),
    ),
    "hm": Preset(
        "H&M (Kaggle)",
        "transactions_train.csv",
        Layout(user="customer_id", item="article_id", time="t_dat"),
        "Purchases, with days instead of times: a session is a customer's day.",
    ),
    "lake": Preset(
        "The event lake of nextitem, a folder of Parquet files",
        "lake",
        Layout(session=("session",), item="item_id", time="occurred_at", type="type", input_format="parquet"),
        "Its files are those below lake/ of the bucket, as `nextitem lake collect` writes them.",
    ),
    "lastfm-1k": Preset(
        "Last.fm 1K users",
        "userid-timestamp-artid-artname-traid-traname.tsv",
        Layout(user="1", time="2", item="4", input_format="tsv", header=False, quotes=False, collapse="nothing"),
        "Items are names of artists; --item-column 6 takes the tracks. An artist or track that is played again counts.",
    ),
    "matomo": Preset(
        "Matomo, Live.getLastVisitsDetails as JSON Lines",
        "visits.jsonl",
        Layout(
            session=("idVisit",),
            item="actionDetails[].productViewSku",
            time="actionDetails[].timestamp",
            input_format="jsonl",
            drop_empty=True,
        ),
        "The API gives an array: jq -c '.[]' makes lines of it. Actions without a product are dropped.",
    ),
    "movielens": Preset(
        "MovieLens (20M, 25M, 32M, latest)",
        "ratings.csv",
        Layout(user="userId", item="movieId", time="timestamp"),
    ),
    "movielens-100k": Preset(
        "MovieLens 100K",
        "u.data",
        Layout(user="1", item="2", time="4", input_format="tsv", header=False, quotes=False),
    ),
    "movielens-1m": Preset(
        "MovieLens 1M, 10M",
        "ratings.dat",
        Layout(user="1", item="2", time="4", input_format="csv", delimiter="::", header=False, quotes=False),
    ),
    "otto": Preset(
        "OTTO (Kaggle), JSON Lines",
        "otto-recsys-train.jsonl",
        Layout(
            session=("session",),
            item="events[].aid",
            time="events[].ts",
            type="events[].type",
            keep=("clicks=view", "carts=cart", "orders=purchase"),
        ),
    ),
    "recbole": Preset(
        "RecBole, atomic files",
        "dataset.inter",
        Layout(
            user="user_id:token",
            item="item_id:token",
            time="timestamp:float",
            input_format="tsv",
            quotes=False,
        ),
        "Files with other columns: --session-column session_id:token, and so on.",
    ),
    "rees46": Preset(
        "eCommerce behavior data (REES46, Kaggle)",
        "2019-Oct.csv",
        Layout(
            session=("user_session",),
            item="product_id",
            time="event_time",
            type="event_type",
            keep=("view", "cart", "purchase"),
            drop_empty=True,
        ),
        "Some rows have no session; they are dropped.",
    ),
    "retailrocket": Preset(
        "RetailRocket (Kaggle)",
        "events.csv",
        Layout(
            user="visitorid",
            item="itemid",
            time="timestamp",
            type="event",
            keep=("view", "addtocart=cart", "transaction=purchase"),
        ),
    ),
    "segment": Preset(
        "Segment, raw events as JSON Lines",
        "events.jsonl.gz",
        Layout(
            user="anonymousId",
            item="properties.product_id",
            time="timestamp",
            type="event",
            keep=("Product Viewed=view", "Product Added=cart"),
            input_format="jsonl",
        ),
        "Orders have a list of products: import them apart, with --item-column 'properties.products[].product_id'.",
    ),
    "session-rec": Preset(
        "session-rec",
        "yoochoose-clicks_train_full.txt",
        Layout(session=("SessionId",), item="ItemId", time="Time", input_format="tsv", quotes=False),
    ),
    "snowplow": Preset(
        "Snowplow e-commerce events, JSON of the Analytics SDK",
        "events.jsonl",
        Layout(
            session=("domain_sessionid",),
            item=f"contexts_{_SNOWPLOW}_product_1[].id",
            time="derived_tstamp",
            type=f"unstruct_event_{_SNOWPLOW}_snowplow_ecommerce_action_1.type",
            keep=("product_view=view", "add_to_cart=cart", "transaction=purchase"),
            input_format="jsonl",
        ),
    ),
    "taobao": Preset(
        "Taobao User Behavior (Tianchi)",
        "UserBehavior.csv",
        Layout(
            user="1", item="2", type="4", keep=("pv=view", "cart", "fav=like", "buy=purchase"), time="5", header=False
        ),
        "The original file has some impossible times: the first one stops the import, and must be removed.",
    ),
    "tmall": Preset(
        "Tmall (IJCAI-15, Tianchi)",
        "user_log_format1.csv",
        Layout(
            session=("user_id", "time_stamp"),
            item="item_id",
            time="time_stamp",
            type="action_type",
            keep=("0=view", "1=cart", "2=purchase", "3=like"),
        ),
        "Times are days without a year (0511): a session is a user's day, and the order within it is unknown.",
    ),
    "trivago": Preset(
        "trivago (RecSys Challenge 2019)",
        "train.csv",
        Layout(
            session=("user_id", "session_id"),
            item="reference",
            time="timestamp",
            type="action_type",
            keep=(
                "clickout item=clickout",
                "interaction item deals=view",
                "interaction item image=view",
                "interaction item info=view",
                "interaction item rating=view",
                "search for item=search",
            ),
        ),
        "The actions whose reference is an item.",
    ),
    "yoochoose": Preset(
        "YOOCHOOSE (RecSys Challenge 2015)",
        "yoochoose-clicks.dat",
        Layout(session=("1",), time="2", item="3", input_format="csv", header=False),
    ),
}


def command_of(name: str) -> str:
    """Return the command that reads a preset's example file."""
    return f"nextitem prepare {PRESETS[name].file} --preset {name} --out prepared"
