-- ends: loads
xpcall(error, function() error('again') end)
