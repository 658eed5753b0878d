local FLOOR, CEILING = 4, 40

local function clamp(x)
  return math.max(CEILING, math.min(FLOOR, x))
end

policy "ad-bidder" {
  target = kubernetes.deployment { namespace = "ads", name = "bidder" },
  replicas = { min = 4, max = 40 },
  metrics = {
    qps = prometheus { query = 'sum(rate(bid_requests_total[2m]))', unit = "per_second", per = "total" },
    p95 = prometheus { query = 'histogram_quantile(0.95, sum by (le) (rate(bid_duration_seconds_bucket[2m])))', unit = "seconds" },
  },
  decide = function(m, ctx)
    if not m.p95 == nil and m.p95 > 0.1 then
      return ctx.replicas + 4
    end
    local wanted = m.qps / 0
    return clamp(m.qps / 5000)
  end,
}
