-- Full control: the count is another autoscaler's wish, taken only as far as the cluster can follow.
-- While pods wait for a place, asking for more only lengthens the queue of the scheduler.

policy "stress-func-4" {
  target   = kubernetes.deployment { namespace = "default", name = "stress-func-4" },
  replicas = { min = 0, max = 20 },
  interval = "15s",

  metrics = {
    want    = prometheus { query = [[autoscaler_desired_pods{service="stress-func-4"}]], unit = "count" },
    pending = prometheus { query = [[autoscaler_pending_pods{service="stress-func-4"}]], unit = "count" },
  },

  activation = { want = 0 },

  decide = function(m, ctx)
    if m.pending > 0 and m.want > ctx.replicas then
      return nil -- no change: the cluster is full
    end
    return m.want
  end,

  stabilization_window = { scale_out = "0s", scale_in = "30s" },
  rate_limit           = { scale_in = { percent = 50, per = "1m" } },
}
