module spinel

go 1.19
