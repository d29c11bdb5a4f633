drop index visits_b_at;
