drop index visits_at;
