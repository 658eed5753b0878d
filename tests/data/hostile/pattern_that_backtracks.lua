-- ends: limit
print(string.find(('a'):rep(10000), '.-.-.-.-b$'))
