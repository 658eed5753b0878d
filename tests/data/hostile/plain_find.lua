-- ends: loads or limit
local text = ('a'):rep(2e6)
print(text:find(('a'):rep(1e6) .. 'b', 1, true))
