alter table users add column shout varchar(50);
delimiter //
create procedure fill_shout()
begin
  declare done int default 1;
  while done > 0 do
    update users set shout = upper(name) where shout is null limit 1000;
    set done = row_count();
    commit;
  end while;
end //
delimiter ;
call fill_shout();
drop procedure fill_shout;
