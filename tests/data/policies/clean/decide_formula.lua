-- Game servers: a server holds 64 players, and 20 % of the seats are kept free.
local SEATS, FREE = 64, 0.2

policy "match-servers" {
  target = http { url = "https://fleet.example.net/v1/groups/match", method = "PUT" },
  replicas = { min = 6, max = 400 },
  startup = "40s",
  metrics = {
    players = prometheus { query = "sum(game_players_online)", unit = "count", per = "total" },
    queued = prometheus { query = "sum(game_players_queued)", unit = "count", per = "total", missing = "zero" },
  },
  decide = function(m)
    local seats = (m.players + m.queued) / (1 - FREE)
    return math.ceil(seats / SEATS)
  end,
  cooldown = { scale_in = "10m" },
  rate_limit = { scale_in = { percent = 5, per = "5m" } },
}
