-- What the platform team calls busy and quiet.
local M = { busy_at = 0.7, quiet_at = 0.4, slow = 0.6 }

function M.busy(m)
  return m.cpu > M.busy_at or m.p95 > M.slow
end

function M.quiet(m)
  return m.cpu < M.quiet_at and m.p95 < M.slow / 2
end

return M
