-- ends: error coroutine.wrap is not there
coroutine.wrap(function() while true do end end)()
