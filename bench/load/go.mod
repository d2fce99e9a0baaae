module media-service/bench/load

go 1.22
