-- ends: memory or error
local t = table.create(1e9)
print(#t)
