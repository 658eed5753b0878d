-- ends: error xxx
error(('x'):rep(4e6))
