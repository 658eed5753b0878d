-- A service that gets a burst every five minutes. The recorded HPA grew after each burst was over;
-- this one keeps a floor from the demand and doubles when answers become slow.

policy "burst-api" {
  target   = kubernetes.deployment { namespace = "default", name = "burst-api" },
  replicas = { min = 2, max = 14 },
  interval = "15s",
  startup  = "20s",

  metrics = {
    rps = prometheus { query = [[sum(rate(http_requests_total{service="burst-api"}[2m]))]],
                       unit = "per_second", per = "total", capacity = 0.9 },
    latency_avg = prometheus { query = [[sum(rate(http_request_seconds_sum[2m]))
                                         / clamp_min(sum(rate(http_request_seconds_count[2m])), 1e-9)]],
                               unit = "seconds" },
  },

  track     = { rps = 0.6 },
  scale_out = {
    { name = "slow", when = function(m) return m.latency_avg > 2 end, percent = 100, cooldown = "2m" },
  },
  stabilization_window = { scale_out = "0s", scale_in = "2m" },
}
