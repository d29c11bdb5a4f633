drop index visits_a_at;
