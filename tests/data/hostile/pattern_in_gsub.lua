-- ends: limit
print(('a'):rep(10000):gsub('.-.-.-.-b$', ''))
