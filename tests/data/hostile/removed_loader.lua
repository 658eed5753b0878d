-- ends: error loadstring is not there
loadstring('while true do end')()
