-- ends: error coroutine.create is not there
local t = {}
for i = 1, 1e7 do t[i] = coroutine.create(print) end
