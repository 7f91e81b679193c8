-- For `make check`, which lints each script as Redis runs it: with the parts that stand before it (tests/lua_lint.py).
std = "lua51"
read_globals = {"redis", "cjson", "cmsgpack", "struct", "bit", "KEYS", "ARGV"} -- what Redis gives a script
max_line_length = 140
