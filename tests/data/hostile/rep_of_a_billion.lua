-- ends: memory
local s = string.rep('x', 1e9)
print(#s)
