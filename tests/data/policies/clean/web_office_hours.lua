policy "intranet" {
  target   = kubernetes.deployment { namespace = "corp", name = "intranet" },
  replicas = { min = 1, max = 12 },
  metrics  = { rps = gateway.traefik { service = "intranet@docker", capacity = 30 } },
  track    = { rps = 20 },
  schedule = {
    { name = "office", cron = "30 6 * * 1-5", timezone = "Europe/Berlin", duration = "12h", min = 4 },
    { name = "month end", cron = "0 5 28 * *", timezone = "Europe/Berlin", duration = "16h", min = 6 },
  },
  on = {
    at_max = function(event, act)
      act.slack { url = secret "OPS_SLACK", text = event.policy .. " is at its ceiling of " .. event.max }
    end,
  },
  cost = { per_replica_hour = 0.08, currency = "EUR" },
}
