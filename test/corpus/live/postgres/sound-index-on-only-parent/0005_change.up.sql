alter index visits_at attach partition visits_a_at;
alter index visits_at attach partition visits_b_at;
