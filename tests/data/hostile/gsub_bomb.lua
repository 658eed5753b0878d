-- ends: memory
local s = ('x'):rep(4000)
print(#s:gsub('.', s))
