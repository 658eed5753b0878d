-- ends: error coroutine.wrap is not there
local function f() return coroutine.wrap(f)() end
f()
