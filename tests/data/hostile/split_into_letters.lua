-- ends: loads or memory
print(#(('a'):rep(1e5)):split(''))
