autocmd BufRead,BufNewFile *.skt setfiletype skt
