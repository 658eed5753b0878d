-- ends: loads
local s = (''):rep(2147483647)
print(#s)
