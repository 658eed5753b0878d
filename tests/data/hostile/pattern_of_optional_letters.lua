-- ends: limit
print((('a'):rep(28) .. 'b'):match('^' .. ('a?'):rep(28) .. ('a'):rep(28) .. 'c'))
