update places set lat = lng, lng = lat;
