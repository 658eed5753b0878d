-- ends: error unknown name
print(_G[('x'):rep(1e6)])
