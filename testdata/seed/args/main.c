#include <stdio.h>

int callee(int a, int b)
{
    printf("hello world %d.\n", a + b);

    return a+b;
}

int main(void)
{    
    callee(8, 9);

    return 0;
}
