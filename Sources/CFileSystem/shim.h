// One function of Linux for Swift: its own Glibc module leaves GNU extensions out.
extern int syncfs(int descriptor);
