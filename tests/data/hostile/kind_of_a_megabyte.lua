-- ends: loads
print(type(gateway[('x'):rep(1e6)]))
