alter type order_state add value 'closed';
update orders set state = replace(state::text, 'paid', 'closed')::order_state where state::text = 'paid';
