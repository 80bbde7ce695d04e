"""What `make run` prints of its replay."""

import io

from rich.console import Console

from devstack.demo_catalogue import demo_products
from devstack.replay.demo import show_replay
from devstack.replay.shoppers import Call, Visit


def test_samples_name_every_item_of_the_demos_catalogue() -> None:
    # GIVEN a shopper who is recommended a product that no model was trained on
    newcomer = demo_products()[-1]
    call = Call(1.0, 200, "session", (newcomer.item_id,))
    console = Console(file=io.StringIO(), width=100)

    # WHEN the replay is shown
    show_replay(console, [Visit(("tea-001", "tea-002", "tea-003"), (call, call, call))], (), lambda: ())

    # THEN it has its name
    assert isinstance(console.file, io.StringIO)
    assert f"1 {newcomer.name} ({newcomer.item_id})" in console.file.getvalue()
