policy "checkout-api" {
  target   = kubernetes.deployment { namespace = "shop", name = "checkout-api" },
  replicas = { min = 3, max = 60 },
  mode     = "scale",               -- or "observe": decide and say, change nothing
  interval = "15s",                 -- how often the policy is evaluated
  startup  = "90s",                 -- from "wanted" to "takes load"; used by dry-run, cooldown, forecast and lint

  metrics = {
    cpu = prometheus { query = [[sum(rate(container_cpu_usage_seconds_total{namespace="shop",container="app"}[2m]))
                                 / sum(kube_pod_container_resource_requests{namespace="shop",container="app",resource="cpu"})]],
                       unit = "ratio", per = "replica", saturation = 1.0 },
    p95 = prometheus { query = [[histogram_quantile(0.95, sum by (le) (rate(http_duration_seconds_bucket[2m])))]],
                       unit = "seconds", models = "latency", load = "cpu" },
    rps = gateway.haproxy { url = "http://haproxy:8405/metrics", backend = "checkout", capacity = 120 },
  },

  track = { cpu = 0.60 },           -- target tracking: the HPA formulas

  scale_out = {
    { name = "hot cpu",  when = function(m) return m.cpu > 0.80 end, sustained_for = "5m", add = 2 },
    { name = "slow p95", when = function(m) return m.p95 > 0.5 end, percent = 50, cooldown = "3m" },
  },
  scale_in = {
    { name = "idle", when = function(m) return m.cpu < 0.35 and m.p95 < 0.2 end,
      sustained_for = "10m", remove = 1 },
  },

  stabilization_window = { scale_out = "0s", scale_in = "5m" },
  cooldown             = { scale_out = "2m", scale_in = "5m" },
  rate_limit           = { scale_out = { percent = 100, per = "1m" }, scale_in = { replicas = 2, per = "1m" } },
  fallback             = { after = "5m", replicas = 10 },   -- metrics lost for that long: at least this many

  schedule = { { name = "office hours", cron = "0 7 * * 1-5", timezone = "Europe/Paris", duration = "2h", min = 10 } },
  predict  = { metric = "rps", per_replica = 120, horizon = "10m", history = "14d", model = "auto", mode = "forecast_only" },

  regions  = { "eu-west-1", "us-east-1", max_total = 80,
               failover = function(ctx) return not ctx.region.healthy end },

  on = {                            -- lambda functions: what else happens when something scales
    scale_out = function(event, act)
      act.webhook { url = secret "SLACK_URL", body = { text = event.policy .. " -> " .. event.to } }
    end,
    at_max = function(event, act) act.log("checkout is at its ceiling") end,
  },
  cost = { per_replica_hour = 0.19, currency = "USD" },
}
