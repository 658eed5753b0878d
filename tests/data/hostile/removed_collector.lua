-- ends: error collectgarbage is not there
while true do collectgarbage() end
