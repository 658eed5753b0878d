local t = require "lib.thresholds"

policy "account-web" {
  target = kubernetes.deployment { namespace = "account", name = "web" },
  replicas = { min = 3, max = 30 },
  startup = "40s",
  metrics = {
    cpu = prometheus {
      query = 'sum(rate(container_cpu_usage_seconds_total{namespace="account",container="web"}[2m])) / sum(kube_pod_container_resource_requests{namespace="account",container="web",resource="cpu"})',
      unit = "ratio", per = "replica",
    },
    p95 = gateway.envoy { cluster = "account-web" },
  },
  scale_out = { { name = "busy", when = t.busy, sustained_for = "1m", percent = 25 } },
  scale_in = { { name = "quiet", when = t.quiet, sustained_for = "10m", remove = 1 } },
}
