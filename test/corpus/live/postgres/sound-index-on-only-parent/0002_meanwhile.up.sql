create index visits_at on only visits (at);
