create procedure widen()
begin
  alter table orders modify total decimal(14,4) not null;
end;
call widen();
drop procedure widen;
