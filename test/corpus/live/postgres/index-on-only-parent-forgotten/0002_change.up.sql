create index visits_at on only visits (at);
create index visits_a_at on visits_a (at);
alter index visits_at attach partition visits_a_at;
