-- ends: loads or limit
local text = ('a'):rep(2e6)
print(#text:split(('a'):rep(1e6) .. 'b'))
