-- ends: limit
return pcall(function() while true do end end)
