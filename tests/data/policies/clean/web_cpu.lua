-- storefront: plain CPU tracking, the way the HPA it replaces did it.
policy "storefront" {
  target = kubernetes.deployment { namespace = "web", name = "storefront" },
  replicas = { min = 4, max = 48 },
  startup = "45s",
  metrics = {
    cpu = prometheus {
      query = [[sum(rate(container_cpu_usage_seconds_total{namespace="web",pod=~"storefront-.+",container="app"}[2m]))
              / sum(kube_pod_container_resource_requests{namespace="web",pod=~"storefront-.+",resource="cpu"})]],
      unit = "ratio", per = "replica",
    },
  },
  track = { cpu = 0.65 },
}
