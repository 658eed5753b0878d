-- The checkout service of a web shop. It grows by a quarter when it runs hot, shrinks by a
-- quarter when it has been idle for ten minutes, and never goes below three replicas.

-- Replicas serve about this many requests a second each.
local CAPACITY = 120

policy "checkout-api" {
  target   = kubernetes.deployment { namespace = "shop", name = "checkout-api" },
  replicas = { min = 3, max = 40 },
  interval = "30s",
  startup  = "2m", -- from "wanted" to "takes load"

  metrics = {
    cpu = prometheus {
      query = [[sum(rate(container_cpu_usage_seconds_total{namespace="shop",container="checkout"}[2m]))
              / sum(kube_pod_container_resource_requests{namespace="shop",container="checkout",resource="cpu"})]],
      unit = "ratio", per = "replica", saturation = 1.0,
    },
    p95 = prometheus {
      query = [[histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{service="checkout"}[2m])))]],
      unit = "seconds", models = "latency", load = "cpu",
    },
    rps = gateway.haproxy { url = "http://haproxy:8405/metrics", backend = "checkout", capacity = CAPACITY },
  },

  scale_out = {
    { name = "hot cpu", when = function(m) return m.cpu > 0.75 end, sustained_for = "2m", percent = 25 },
    { name = "slow p95", when = function(m) return m.p95 > 0.50 end, add = 2, cooldown = "3m" },
  },
  scale_in = {
    { name = "idle", when = function(m) return m.cpu < 0.60 and m.p95 < 0.25 end,
      sustained_for = "10m", percent = 25 },
  },

  stabilization_window = { scale_in = "5m" },
  cooldown             = { scale_out = "2m", scale_in = "5m" },
  fallback             = { after = "5m", replicas = 12 }, -- blind for that long: at least this many

  on = {
    at_max = function(event, act)
      act.log(event.policy .. " is at its ceiling of " .. event.to .. " replicas")
    end,
  },
  cost = { per_replica_hour = 0.19, currency = "USD" },
}
