-- ends: limit
for word in ('a'):rep(10000):gmatch('.-.-.-.-b$') do end
