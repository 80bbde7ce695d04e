"""The function's handler in a process that has used its session store during its init already."""

import recommend

if recommend.handler({"operation": "health"}, None)["store"] != "ok":
    raise RuntimeError("the store was not used")
handler = recommend.handler
