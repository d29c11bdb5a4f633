create table events_new () inherits (events);
create function put_elsewhere() returns trigger language plpgsql as $$
begin
  insert into events_new select new.*;
  return null;
end $$;
create trigger put_elsewhere before insert on events for each row execute function put_elsewhere();

create function hide() returns trigger language plpgsql as $$
begin
  update customers set gone_at = now() where id = old.id;
  return null;
end $$;
create trigger hide before delete on customers for each row execute function hide();

create function only_changes() returns trigger language plpgsql as $$
begin
  if new is not distinct from old then
    return null;
  end if;
  return new;
end $$;
create trigger only_changes before update on settings for each row execute function only_changes();

create function never_again() returns trigger language plpgsql as $$
begin
  return null; -- settings stay
end $$;
create trigger never_again before delete on settings for each row execute function never_again();
