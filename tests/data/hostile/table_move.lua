-- ends: error or memory or limit
local t = table.move({ 1 }, 1, 1e9, 2)
print(#t)
